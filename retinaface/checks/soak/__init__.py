"""What hours of one engine show: drift of speed, of memory and handles, and of temperature."""
