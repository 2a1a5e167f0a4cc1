"""What the console command does beside serving: control a daemon, check a configuration."""
