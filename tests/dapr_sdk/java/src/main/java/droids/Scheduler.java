package droids;

import io.dapr.client.DaprClient;
import io.dapr.client.DaprClientBuilder;
import io.dapr.client.domain.DeleteJobRequest;
import io.dapr.client.domain.GetJobRequest;
import io.dapr.client.domain.GetJobResponse;
import io.dapr.client.domain.JobSchedule;
import io.dapr.client.domain.ScheduleJobRequest;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;

/** Books recurring jobs, reads and deletes them, as the quickstart of the Java SDK does. */
public final class Scheduler {
  private static final String CRON = "0/1 * * * * *";

  private Scheduler() {}

  public static void main(String[] arguments) throws Exception {
    try (DaprClient client = new DaprClientBuilder().build()) {
      for (Map.Entry<String, String> droid :
          Map.of("R2-D2", "Oil Change", "C-3PO", "Limb Calibration").entrySet()) {
        String name = droid.getKey();
        System.out.println("Scheduling a Job with name " + name);
        client
            .scheduleJob(
                new ScheduleJobRequest(name, JobSchedule.fromString(CRON))
                    .setData(droid.getValue().getBytes(StandardCharsets.UTF_8)))
            .block();
        show(client, name);
      }
      Instant due = Instant.parse("2100-01-02T03:04:05.678Z");
      client.scheduleJob(new ScheduleJobRequest("BB-8", due)).block();
      show(client, "BB-8");
      // The caller tells when all of them were called.
      System.in.read();
      for (String name : new String[] {"C-3PO", "R2-D2", "BB-8"}) {
        System.out.println("Deleting Job: " + name);
        client.deleteJob(new DeleteJobRequest(name)).block();
        System.out.println("Deleted Job: " + name);
      }
      try {
        client.getJob(new GetJobRequest("R2-D2")).block();
      } catch (RuntimeException error) {
        System.out.println("Refused: " + error.getMessage());
      }
    }
  }

  private static void show(DaprClient client, String name) {
    GetJobResponse job = client.getJob(new GetJobRequest(name)).block();
    String data = job.getData() == null ? "none" : new String(job.getData(), StandardCharsets.UTF_8);
    Object schedule =
        job.getSchedule() == null ? "none" : job.getSchedule().getExpression();
    System.out.println(
        "Job Details: " + job.getName() + ", " + schedule + ", " + job.getDueTime() + ", " + data);
  }
}
