"""Tests of exports: the spool and its links."""
