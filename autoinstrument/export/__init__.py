"""What has ended on its way out: the queue, the encodings, the exporters, the recording."""
