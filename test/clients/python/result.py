"""What a script hands the test that runs it."""

import json
import os
import sys


def result(**values):
    sys.stdout.flush()
    with open(os.environ["LAB_RESULT"], "w", encoding="utf-8") as file:
        json.dump(values, file)
