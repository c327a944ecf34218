"""Why there is no plan: a ladder of explanations, each with its strength."""
