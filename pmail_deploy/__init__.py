"""What others see of us: the command (`python -m pmail_deploy`), and parts for their own deploys.

In a clone the folders beside this one hold everything. A wheel has them inside this package, under
the same names, so that nothing else of ours is in anybody's way: `scripts/wheel.py`. There is one
copy of each module, so the parts are to be imported from here only: `pmail_deploy.parts`.
"""
