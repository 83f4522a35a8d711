"""Ripple: a table of keys (.rpl) beside plain binary values (.raw)."""
