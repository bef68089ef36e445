// Interop writes and reads messages with Go's own Watermill:
//
//	interop write BROKER TOPIC UUID PAYLOAD [NAME=VALUE...]
//	interop read BROKER TOPIC COUNT    one JSON object a message
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
)

func main() {
	brokers, topic := []string{os.Args[2]}, os.Args[3]
	var err error
	if os.Args[1] == "write" {
		err = write(brokers, topic, os.Args[4], os.Args[5], os.Args[6:])
	} else {
		err = read(brokers, topic, os.Args[4])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(brokers []string, topic, uuid, payload string, metadata []string) error {
	publisher, err := kafka.NewPublisher(
		kafka.PublisherConfig{Brokers: brokers, Marshaler: kafka.DefaultMarshaler{}}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	defer publisher.Close()
	written := message.NewMessage(uuid, []byte(payload))
	for _, pair := range metadata {
		name, value, _ := strings.Cut(pair, "=")
		written.Metadata.Set(name, value)
	}
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
	for n := 0; n < wanted; n++ {
		received := <-messages
		line, err := json.Marshal(map[string]any{
			"uuid": received.UUID, "payload": string(received.Payload), "metadata": received.Metadata})
		if err != nil {
			return err
		}
		fmt.Println(string(line))
		received.Ack()
	}
	return nil
}
