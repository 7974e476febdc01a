"""Measure how fast the product is, compared with the machine's floor and the usual scripts."""
