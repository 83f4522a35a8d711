"""Networks that were trained with atomAI or published with AICrystallographer."""
