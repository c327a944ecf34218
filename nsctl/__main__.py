"""``python -m nsctl``."""

from nsctl.cli import main

if __name__ == "__main__":
    main()
