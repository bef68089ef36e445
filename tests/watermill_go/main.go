// Interop writes and reads messages with Go's own Watermill, a JSON object a line and a message:
//
//	interop write BROKER TOPIC         from stdin, by DefaultMarshaler; with a "key" by the partitioning one
//	interop read BROKER TOPIC COUNT    to stdout, by DefaultMarshaler
//
// Payloads and the values of metadata are base64, since they need not be UTF-8.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
)

type line struct {
	UUID     string            `json:"uuid"`
	Payload  []byte            `json:"payload"`
	Metadata map[string][]byte `json:"metadata"`
	Key      *string           `json:"key,omitempty"`
}

func main() {
	brokers, topic := []string{os.Args[2]}, os.Args[3]
	var err error
	if os.Args[1] == "write" {
		err = write(brokers, topic)
	} else {
		err = read(brokers, topic, os.Args[4])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(brokers []string, topic string) error {
	lines := json.NewDecoder(os.Stdin)
	for lines.More() {
		var given line
		if err := lines.Decode(&given); err != nil {
			return err
		}
		written := message.NewMessage(given.UUID, given.Payload)
		for name, value := range given.Metadata {
			written.Metadata.Set(name, string(value))
		}
		if err := publish(brokers, topic, marshaler(given.Key), written); err != nil {
			return err
		}
	}
	return nil
}

func marshaler(key *string) kafka.Marshaler {
	if key == nil {
		return kafka.DefaultMarshaler{}
	}
	return kafka.NewWithPartitioningMarshaler(
		func(string, *message.Message) (string, error) { return *key, nil })
}

func publish(brokers []string, topic string, marshaler kafka.Marshaler, written *message.Message) error {
	publisher, err := kafka.NewPublisher(
		kafka.PublisherConfig{Brokers: brokers, Marshaler: marshaler}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	defer publisher.Close()
	return publisher.Publish(topic, written)
}

func read(brokers []string, topic, count string) error {
	wanted, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	config := kafka.DefaultSaramaSubscriberConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: brokers, Unmarshaler: kafka.DefaultMarshaler{}, OverwriteSaramaConfig: config}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	defer subscriber.Close()
	messages, err := subscriber.Subscribe(context.Background(), topic)
	if err != nil {
		return err
	}
	told := json.NewEncoder(os.Stdout)
	for n := 0; n < wanted; n++ {
		received := <-messages
		metadata := map[string][]byte{}
		for name, value := range received.Metadata {
			metadata[name] = []byte(value)
		}
		if err := told.Encode(line{UUID: received.UUID, Payload: received.Payload, Metadata: metadata}); err != nil {
			return err
		}
		received.Ack()
	}
	return nil
}
