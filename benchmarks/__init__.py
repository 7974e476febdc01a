"""How fast the product is, against the floor of the machine and against the usual scripts' way."""
