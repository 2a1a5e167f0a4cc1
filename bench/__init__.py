"""Measurements on loopback; ``python -m bench`` runs them."""
