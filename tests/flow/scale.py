# SPDX-License-Identifier: Apache-2.0
"""How large a proof is: the suite runs a short form of it, `scripts/prove` the whole."""
import os

IS_WHOLE = bool(os.environ.get('WEIGATE_PROVE'))


def scale(short, whole):
    """rounds = scale(10, whole=200)"""
    return whole if IS_WHOLE else short


def report(name, **figures):
    """One line of figures for whoever runs `scripts/prove`."""
    print(f'proof: {name}: ' + ', '.join(f'{key.replace("_", " ")} {value}' for key, value in figures.items()), flush=True)
