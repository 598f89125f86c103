%% Two nodes: one serves, the other calls it for each line that it reads, and says how long that took.
-module(exchange).
-behaviour(gen_server).
-export([serve/0, ask/1, init/1, handle_call/3, handle_cast/2]).

%% Serves calls until the node ends.
serve() ->
    {ok, _} = gen_server:start({local, ?MODULE}, ?MODULE, [], []),
    watch(),
    say("serving", []).

%% Calls a node's server once for each line of standard input: "done MICROSECONDS", or "lost REASON".
ask([Node]) ->
    watch(),
    spawn(fun() -> loop(Node) end).

loop(Node) ->
    case io:get_line("") of
        Line when is_list(Line) ->
            call(Node),
            loop(Node);
        _ ->
            halt()
    end.

call(Node) ->
    try timer:tc(gen_server, call, [{?MODULE, Node}, ping]) of
        {Took, pong} -> say("done ~b", [Took])
    catch
        exit:{Reason, _} -> say("lost ~0p", [Reason])
    end.

%% Says "nodedown NODE REASON" whenever this node takes another one for dead.
watch() ->
    spawn(fun() ->
        ok = net_kernel:monitor_nodes(true, [nodedown_reason]),
        hear()
    end).

hear() ->
    receive
        {nodedown, Node, Reason} -> say("nodedown ~s ~0p", [Node, Reason]);
        _ -> ok
    end,
    hear().

say(Format, Values) -> io:format(Format ++ "\n", Values).

init([]) -> {ok, none}.

handle_call(ping, _From, State) -> {reply, pong, State}.

handle_cast(_Request, State) -> {noreply, State}.
