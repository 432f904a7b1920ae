// A job scheduler as the quickstart of the Go SDK has it: asks the job service to book, over gRPC.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/dapr/go-sdk/client"
)

type droid struct {
	Name    string `json:"name"`
	Job     string `json:"job"`
	DueTime string `json:"dueTime"`
}

// The times at which the droids are due are given as arguments.
func main() {
	sidecar, err := client.NewClient()
	if err != nil {
		log.Fatalln(err)
	}
	defer sidecar.Close()
	droids := []droid{
		{Name: "R2-D2", Job: "Oil Change", DueTime: os.Args[1]},
		{Name: "C-3PO", Job: "Memory Wipe", DueTime: os.Args[2]},
		{Name: "BB-8", Job: "Internal Gyroscope Check", DueTime: os.Args[3]},
	}
	for _, each := range droids {
		document, err := json.Marshal(each)
		if err != nil {
			log.Fatalln(err)
		}
		invoke(sidecar, "scheduleJob", "POST", "application/json", document)
		if each.Name != "R2-D2" {
			answer := invoke(sidecar, "getJob", "GET", "text/plain", []byte(each.Name))
			fmt.Println("Get job response: ", answer)
		}
	}
	invoke(sidecar, "deleteJob", "DELETE", "text/plain", []byte("BB-8"))
	fmt.Println("Job deleted: ", "BB-8")
}

func invoke(sidecar client.Client, method, verb, contentType string, data []byte) string {
	content := &client.DataContent{ContentType: contentType, Data: data}
	answer, err := sidecar.InvokeMethodWithContent(
		context.Background(), "job-service", method, verb, content,
	)
	if err != nil {
		log.Fatalln("Error invoking method: ", err)
	}
	return string(answer)
}
