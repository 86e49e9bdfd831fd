"""The lab: throwaway VPS with real systemd and sshd, real name servers, an ACME CA, a receiver.

Everything lives in network namespaces, in RAM, and under names that derive from the instance
(`PMAIL_LAB`), so that several labs run side by side and none touches the machine's own services.
"""
