"""Small faults put into the code on purpose: does a fast test notice each one?

`faults` makes them of a file's syntax tree; `scope` says which files are asked about; `session`
runs the tests that come past a faulty line in a fork of a pytest that has everything loaded;
`handmade` are the faults that once went unnoticed. `scripts/mutants` is the way in. No ready tool
does this: mutmut leaves out decorated functions and what stands outside functions (thresholds,
tables), and cosmic-ray starts all tests anew for each fault.
"""
