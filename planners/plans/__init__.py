"""About a plan: is it one, does it still work, why is each step there, what may change places?"""
