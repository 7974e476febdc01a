"""What all commands have in common: settings, refusals with the nearest name, completion."""
