"""A run as a whole: what is asked for, its site, its order and barriers, its outcome, its folders.

verb, options: what a run can be asked for. start, prepare: what is checked before anything is
connected to. reaching, refusals, paused: what is asked of the hosts before anything is changed.
site: the inventory, read once. frame, flow, needs, cut: what begins, separates and ends the steps
of a run, and who stops for whom. outcome, recording: what became of it, as data. paths: where state
and keys are, and the lock. identity: which site the state is of. Imports `ground`, `keys`,
`postmaster`, `dns_providers`; no other room of `deploys`, where nearly all stand on it.
"""
