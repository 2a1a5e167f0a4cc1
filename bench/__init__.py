"""Measurements on loopback: each module is a script, ``python -m bench`` runs them all."""
