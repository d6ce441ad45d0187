import io.socket.client.IO;
import java.util.Map;

/** How this version gives its token. */
class Token {
    static IO.Options in(IO.Options options, String token) {
        options.auth = Map.of("token", token);
        return options;
    }
}
