package droids;

import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

/** A job service that is called over HTTP, as the quickstart of the Java SDK has it. */
public final class Service {
  private Service() {}

  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(System.getenv("APP_PORT"));
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
    server.createContext(
        "/job/",
        exchange -> {
          String name = exchange.getRequestURI().getPath().substring("/job/".length());
          byte[] payload = exchange.getRequestBody().readAllBytes();
          System.out.println("Starting Droid: " + name);
          System.out.println("Executing Maintenance: " + new String(payload));
          exchange.sendResponseHeaders(200, -1);
          exchange.close();
        });
    server.start();
    System.out.println("Job service listens");
  }
}
