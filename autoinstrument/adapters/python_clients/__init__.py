"""What the clients in Python, kafka-python and aiokafka, have in common."""
