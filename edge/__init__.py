"""The program between Postfix and PMail on the mail server; standard library only.

Ships as one zip file that Debian's python3 (3.11 to 3.13) runs; imports nothing else of ours. Of it
others import only how it is configured.
"""
