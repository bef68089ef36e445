'''The contract that every adapter must keep, as a test class to inherit: `Contract`.

Provisional: what a facade defines, and which claims there are, may change in any release.

It needs `pip install 'autoinstrument[testing]'` and an Apache Kafka; a mock broker creates no
topics. Here is a whole test module, for a client that only sends messages:

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
claim that the declared abilities allow, and does not collect the others. The claims use `Programs`
and `Broker`, and tests of your own may use them as well.
'''

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(f"{__name__}.contract")  # before it is imported

from .broker import Broker  # noqa: E402 - see above
from .contract import Contract  # noqa: E402
from .programs import Programs, Run  # noqa: E402
from .record import Record  # noqa: E402
from .recording import Span  # noqa: E402

__all__ = ["Broker", "Contract", "Programs", "Record", "Run", "Span"]
