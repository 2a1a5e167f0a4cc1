"""Questions of analysts over the demo data, each answered by a fixed plan of calls."""
