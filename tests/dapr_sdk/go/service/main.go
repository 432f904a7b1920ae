// A job service on the Go SDK: books when it is asked to, over gRPC, and does its jobs.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"google.golang.org/protobuf/types/known/anypb"

	"github.com/dapr/go-sdk/client"
	"github.com/dapr/go-sdk/service/common"
	"github.com/dapr/go-sdk/service/grpc"
)

type droid struct {
	Name    string `json:"name"`
	Job     string `json:"job"`
	DueTime string `json:"dueTime"`
}

type task struct {
	Droid string `json:"droid"`
	Task  string `json:"task"`
}

var sidecar client.Client

func main() {
	var err error
	if sidecar, err = client.NewClient(); err != nil {
		log.Fatalln(err)
	}
	defer sidecar.Close()
	port := os.Getenv("APP_PORT")
	service, err := grpc.NewService("127.0.0.1:" + port)
	if err != nil {
		log.Fatalln(err)
	}
	methods := map[string]common.ServiceInvocationHandler{
		"scheduleJob": schedule, "getJob": get, "deleteJob": remove,
	}
	for name, handler := range methods {
		if err := service.AddServiceInvocationHandler(name, handler); err != nil {
			log.Fatalln(err)
		}
	}
	for _, name := range []string{"R2-D2", "C-3PO", "BB-8"} {
		if err := service.AddJobEventHandler(name, work); err != nil {
			log.Fatalln(err)
		}
		fmt.Println("Registered job handler for: ", name)
	}
	fmt.Println("Starting server on port: " + port)
	if err := service.Start(); err != nil {
		log.Fatalln(err)
	}
}

func schedule(ctx context.Context, in *common.InvocationEvent) (*common.Content, error) {
	var wanted droid
	if err := json.Unmarshal(in.Data, &wanted); err != nil {
		return nil, err
	}
	data, err := json.Marshal(task{Droid: wanted.Name, Task: wanted.Job})
	if err != nil {
		return nil, err
	}
	job := client.Job{Name: wanted.Name, DueTime: &wanted.DueTime, Data: &anypb.Any{Value: data}}
	if err := sidecar.ScheduleJobAlpha1(ctx, &job); err != nil {
		fmt.Println("failed to schedule job. err: ", err)
		return nil, err
	}
	fmt.Println("Job scheduled: ", wanted.Name)
	return &common.Content{Data: in.Data, ContentType: in.ContentType}, nil
}

func get(ctx context.Context, in *common.InvocationEvent) (*common.Content, error) {
	job, err := sidecar.GetJobAlpha1(ctx, string(in.Data))
	if err != nil {
		fmt.Println("failed to get job. err: ", err)
		return nil, err
	}
	return &common.Content{Data: job.Data.Value, ContentType: in.ContentType}, nil
}

func remove(ctx context.Context, in *common.InvocationEvent) (*common.Content, error) {
	if err := sidecar.DeleteJobAlpha1(ctx, string(in.Data)); err != nil {
		fmt.Println("failed to delete job. err: ", err)
		return nil, err
	}
	return &common.Content{Data: in.Data, ContentType: in.ContentType}, nil
}

func work(_ context.Context, event *common.JobEvent) error {
	var given task
	if err := json.Unmarshal(event.Data, &given); err != nil {
		return fmt.Errorf("failed to unmarshal job: %w", err)
	}
	fmt.Println("Starting droid:", given.Droid)
	fmt.Println("Executing maintenance job:", given.Task)
	return nil
}
