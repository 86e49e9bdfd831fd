"""What every other room stands on: what is said to users, private files, columns, errors.

words: a message id with its values, and its text in the user's language. messages: the texts.
shown: what others wrote, as it may be shown; foreign: numbers and records in it; secret_values:
secrets as they are read.
private_files: files that only the operator may read, and locks. operations: how one of pyinfra's
ends that cannot go on, the only module here that knows pyinfra. Imports nothing of ours; all may
import it, except `edge`, which is alone on the mail server.
"""
