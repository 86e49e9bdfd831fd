"""What is seen from outside, asked from here: DNS, SMTP, TLS, HTTP, TCP, SPF.

One module for each protocol, and server: all of them for one mail server. Imports `dns_providers`.
"""
