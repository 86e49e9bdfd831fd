"""Tests on real servers: throwaway VPS, name servers, certificate authority, receiver."""
