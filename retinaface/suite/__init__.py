"""A validation run as pytest sees it: options, needs, engines, cases, verdict."""
