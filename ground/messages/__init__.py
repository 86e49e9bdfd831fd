"""All texts for users: one package for each language, in it one module for each family of ids.

`TEXTS` of a module is message id -> template. Nothing else is here; `ground.words` reads it.
"""
