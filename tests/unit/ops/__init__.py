"""Tests of the operators' layer."""
