"""Where options come from that nobody typed: environment variables and a configuration file."""
