#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cases.json: memories, contexts and what models/train/mixture.py makes of a model's logits there. Run again after fit_mixture.py."""
import json
import random
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[3] / 'models' / 'train'))
import mixture  # noqa: E402
from ngram_table import Table  # noqa: E402

VOCABULARY = 24


def main():
    rng, cases, table = random.Random(5), [], Table(HERE.parent / 'ngrams' / 'small.ngrams')
    known = [case['context'] for case in json.loads((HERE.parent / 'ngrams' / 'cases.json').read_text()) if case['tokens']]
    for kinds in (2, 3, 6, VOCABULARY):
        for _ in range(6):
            texts = [[rng.randrange(kinds) for _ in range(rng.randrange(400))] for _ in range(rng.randrange(1, 4))]
            context = [rng.randrange(kinds) for _ in range(rng.randrange(1, 8))]
            if rng.random() < 0.5 and len(texts[0]) > 30:  # a long match
                context += texts[0][5:5 + rng.randrange(1, 20)]
            asked = rng.random() < 0.5
            if asked and rng.random() < 0.8:
                context += rng.choice(known)
            logits = [round(rng.gauss(0, 3), 3) for _ in range(VOCABULARY)]
            log_p = np.array(logits) - np.log(np.exp(logits).sum())
            breaks = [token for token in range(VOCABULARY) if rng.random() < 0.15]
            memory = mixture.Memory(texts, np.isin(np.arange(VOCABULARY), breaks))
            mixed = mixture.mix(log_p, memory, context, mixture.read_weights(), table if asked else None)
            cases.append({'table': asked, 'breaks': breaks, 'texts': texts, 'context': context, 'logits': logits, 'mixed': [round(float(x), 6) for x in mixed]})
    (HERE / 'cases.json').write_text('[\n' + ',\n'.join(json.dumps(case, separators=(',', ':')) for case in cases) + '\n]\n')


if __name__ == '__main__':
    main()
