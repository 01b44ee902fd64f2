"""`python -m infra.health URL` ends with 0 where the address answers 200: a container's check."""

import sys

from infra.supervisor import answers

if __name__ == "__main__":
    sys.exit(not answers(sys.argv[1]))
