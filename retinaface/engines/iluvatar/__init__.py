"""Engines of Iluvatar's runtimes, IGIE and ixRT."""
