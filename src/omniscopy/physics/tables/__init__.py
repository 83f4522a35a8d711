"""Published numbers as files; `tables.toml` says where each is from, and under which licence."""
