"""`python -m pmail_deploy`, and the command `pmail-deploy`."""

from __future__ import annotations

from deploys.cli.main import main

if __name__ == "__main__":
    main(prog_name="pmail-deploy")
