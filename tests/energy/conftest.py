"""Lies beside ``planted_records``, so that the tests of every folder below find it."""
