"""Iluvatar's IGIE and ixRT."""
