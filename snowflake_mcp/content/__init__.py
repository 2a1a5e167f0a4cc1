"""L2: what a client can read and choose: resources, prompts, completions."""
