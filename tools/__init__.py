"""Programs that make the shipped data and pictures; they are not part of the package."""
