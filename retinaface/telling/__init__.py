"""What a person at a terminal is told: tables that fit it, and what long work is going on."""
