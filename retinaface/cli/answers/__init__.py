"""The answers of the commands: what the text of each says, as types with a JSON schema."""
