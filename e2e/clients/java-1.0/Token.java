import io.socket.client.IO;

/** How this version gives its token. */
class Token {
    static IO.Options in(IO.Options options, String token) {
        options.query = "token=" + token;
        return options;
    }
}
