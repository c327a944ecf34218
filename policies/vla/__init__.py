"""A vision-language-action network: the neural-only rival, from pixels and words to chunks of actions."""
