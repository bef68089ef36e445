'''What every adapter owes, as a class to inherit for whoever writes one: `Contract`.

Provisional: what a facade has to offer, and which claims there are, may change in any release.

It takes `pip install 'autoinstrument[testing]'`, pytest, and an Apache Kafka. Here is all that a
test module needs for a client that does no more than send its messages:

    import pytest
    from autoinstrument.testing import Contract

    class TestMyKafka(Contract):
        has_answers = False
        has_transactions = consumes = False
        facade = """
    from mykafka import Producer
    ORDER = ["topic", "value", "key", "headers"]
    def connect(bootstrap, timeout=None):
        return Producer(bootstrap)
    def write(producer, *args, **kwargs):
        return producer.send(*args, **kwargs)
    def close(producer):
        producer.close()
    """

        @pytest.fixture
        def bootstrap(self):
            return "localhost:9092"

The package that has the adapter must be installed, with its entry point. pytest then runs each
claim that the declared abilities allow, and does not collect the others. `Programs` and `Broker`,
which the claims are made with, are there for claims of your own.
'''

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(f"{__name__}.contract")  # before it is imported

from .broker import Broker, Record  # noqa: E402 - see above
from .contract import Contract  # noqa: E402
from .programs import Programs, Run  # noqa: E402
from .recording import Span  # noqa: E402

__all__ = ["Broker", "Contract", "Programs", "Record", "Run", "Span"]
