"""What every client can rely on, on every transport and in both eras."""
